//! The examples, typed as their READMEs have them against a real Kafka, a real redis-server with the
//! module and the double of a Schema Registry; what arrives is compared with a fold over what Kafka
//! holds.

mod airport_sensors;
mod bus_positions;
mod customers;
mod example;
mod previews;
mod purchases;
mod records;
mod taxi_rides;
