//! The process that started us: when it is gone, nobody will tell us to exit.

use std::time::Duration;

/// How often it is looked for.
#[cfg(unix)]
const INTERVAL: Duration = Duration::from_secs(2);

/// Whether a process has ended.
#[cfg(unix)]
pub(crate) fn is_gone(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    // It is there if a signal could be sent, or if only we may not.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Elsewhere that is not known.
#[cfg(not(unix))]
pub(crate) fn is_gone(_: u32) -> bool {
    false
}

/// End this process when that one has ended.
#[cfg(unix)]
pub(crate) fn watch(process: u32) {
    let look = move || {
        loop {
            if is_gone(process) {
                crate::pages::remove();
                std::process::exit(1);
            }
            std::thread::sleep(INTERVAL);
        }
    };
    let _ = std::thread::Builder::new().name("parent".to_owned()).spawn(look);
}

/// Elsewhere the end of standard input has to tell.
#[cfg(not(unix))]
pub(crate) fn watch(_: u32) {
    let _ = Duration::ZERO;
}
