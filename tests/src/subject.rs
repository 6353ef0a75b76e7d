//! What a scenario runs against.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::server::Setup;
use crate::sidecar::SidecarSetup;

/// The software under test, one way of running it. Each scenario is a function of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The module, each unit propagated as one packed command.
    ModuleUnits,
    /// The module, each unit propagated as plain commands in MULTI.
    ModuleCommands,
    /// The sidecar.
    Sidecar,
}

impl Subject {
    /// A server of this subject whose units hold 4 records, so that every
    /// fault falls between and into many units.
    pub fn setup(self) -> Setup {
        self.setup_of_units(4)
    }

    /// A server of this subject with units of at most `records` records.
    pub fn setup_of_units(self, records: usize) -> Setup {
        let propagate = match self {
            Subject::ModuleUnits => "units",
            Subject::ModuleCommands => "commands",
            Subject::Sidecar => return Setup::plain().sidecar(SidecarSetup::of_units(records)),
        };
        let args = ["PROPAGATE", propagate, "UNIT", &records.to_string()];
        Setup::plain().module(&module(), &args)
    }
}

/// The module: `REDIS_KAFKA_MODULE`, else the release build of this workspace.
pub fn module() -> PathBuf {
    let path = match std::env::var("REDIS_KAFKA_MODULE") {
        Ok(path) => PathBuf::from(path),
        Err(_) => target().join("release/libredis_kafka.so"),
    };
    assert!(path.is_file(), "no module at {}: run `make build`", path.display());
    path
}

/// A module whose callbacks can be made to panic (feature `panic-injection`):
/// `REDIS_KAFKA_PANIC_MODULE`, else built once a process, beside the real one so
/// as never to replace it.
pub fn panicking_module() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| match std::env::var("REDIS_KAFKA_PANIC_MODULE") {
            Ok(path) => PathBuf::from(path),
            Err(_) => build_panicking_module(),
        })
        .clone()
}

fn build_panicking_module() -> PathBuf {
    let directory = target().join("panic-injection");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "redis-kafka-module"])
        .args(["--features", "panic-injection", "--target-dir"])
        .arg(&directory)
        .current_dir(workspace())
        .status()
        .expect("run cargo");
    assert!(status.success(), "build the module with panic-injection");
    directory.join("release/libredis_kafka.so")
}

/// The workspace's directory.
pub fn workspace() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_path_buf()
}

/// What `make build` leaves in `target/release`.
pub fn built(name: &str) -> PathBuf {
    let path = target().join("release").join(name);
    assert!(path.exists(), "no {}: run `make build`", path.display());
    path
}

fn target() -> PathBuf {
    std::env::var("CARGO_TARGET_DIR").map_or_else(|_| workspace().join("target"), PathBuf::from)
}

/// Makes a scenario `fn name(subject: Subject)` into a test for each subject: `name::module_units`,
/// `name::module_commands` and `name::sidecar`. A scenario that cannot be one of the sidecar is
/// followed by `: not_sidecar "why"`; docs/testing.md lists those.
#[macro_export]
macro_rules! for_each_subject {
    ($($(#[$attribute:meta])* $scenario:ident $(: not_sidecar $why:literal)?),* $(,)?) => {$(
        mod $scenario {
            $(#[$attribute])*
            #[test]
            fn module_units() {
                super::$scenario($crate::subject::Subject::ModuleUnits);
            }

            $(#[$attribute])*
            #[test]
            fn module_commands() {
                super::$scenario($crate::subject::Subject::ModuleCommands);
            }

            $crate::sidecar_test!($(#[$attribute])* $scenario $($why)?);
        }
    )*};
}

/// As [`for_each_subject`], for what does not depend on how the module propagates units:
/// `name::module` and `name::sidecar`.
#[macro_export]
macro_rules! for_module_and_sidecar {
    ($($(#[$attribute:meta])* $scenario:ident $(: not_sidecar $why:literal)?),* $(,)?) => {$(
        mod $scenario {
            $(#[$attribute])*
            #[test]
            fn module() {
                super::$scenario($crate::subject::Subject::ModuleUnits);
            }

            $crate::sidecar_test!($(#[$attribute])* $scenario $($why)?);
        }
    )*};
}

/// The sidecar's test of a scenario; none where there is a reason.
#[macro_export]
macro_rules! sidecar_test {
    ($(#[$attribute:meta])* $scenario:ident $why:literal) => {};
    ($(#[$attribute:meta])* $scenario:ident) => {
        $(#[$attribute])*
        #[test]
        fn sidecar() {
            super::$scenario($crate::subject::Subject::Sidecar);
        }
    };
}
