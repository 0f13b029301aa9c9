//! Systems and processors without a kernel layer.

use super::plan::{Plan, Support};

/// What this kernel has: nothing.
pub fn support() -> Support {
    Support::default()
}

/// No plan asks for it where there is no support.
pub fn landlock(_plan: &Plan, _support: Support) -> Result<(), String> {
    Err("there is none on this system".to_owned())
}

/// No plan asks for it where there is no support.
pub fn seccomp(_plan: &Plan) -> Result<(), String> {
    Err("there is none on this system".to_owned())
}
