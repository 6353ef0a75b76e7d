//! Consumer groups as a whole.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use std::time::Duration;

/// Deletes a consumer group with its commits. Blocks for the time given at most.
pub fn delete_group(
    config: &ClientConfig,
    group: &str,
    timeout: Duration,
) -> Result<(), KafkaError> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    // Only a group that is there is deleted: where the broker does not know the request (the
    // embedded one), librdkafka 2.12 frees its reply queue twice and ends the process.
    let listed = admin.inner().fetch_group_list(Some(group), timeout)?;
    if !listed.groups().iter().any(|found| found.name() == group) {
        return Ok(());
    }
    let options =
        AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout));
    let results = futures_executor::block_on(admin.delete_groups(&[group], &options))?;
    for result in results {
        if let Err((_, code)) = result {
            return Err(KafkaError::AdminOp(code));
        }
    }
    Ok(())
}

/// Whether a static member of this instance id is in the group, alive or not yet given up by it.
/// Blocks for the time given at most.
///
/// By the members' ids, as brokers make that of a static member of its instance id (KIP-345).
pub fn has_instance(
    config: &ClientConfig,
    group: &str,
    instance: &str,
    timeout: Duration,
) -> Result<bool, KafkaError> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let listed = admin.inner().fetch_group_list(Some(group), timeout)?;
    let is_it = |id: &str| id.strip_prefix(instance).is_some_and(|rest| rest.starts_with('-'));
    let mut members = listed.groups().iter().flat_map(|found| found.members());
    Ok(members.any(|member| is_it(member.id())))
}
