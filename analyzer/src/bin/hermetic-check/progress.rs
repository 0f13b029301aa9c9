//! A line on standard error while a long run lasts.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A run that ends sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(100);

/// Shows how many files are done, in a terminal only.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Counts finished files; shared with the run.
    pub(crate) done: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Start waiting. Nothing is ever shown if standard error is not a terminal or `quiet`.
    pub(crate) fn start(quiet: bool) -> Self {
        let done = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let shown = !quiet && io::stderr().is_terminal();
        let thread = shown.then(|| {
            let (done, stopped) = (Arc::clone(&done), Arc::clone(&stopped));
            thread::spawn(move || show(&done, &stopped))
        });
        Self { done, stopped, thread }
    }

    /// Take the line away.
    pub(crate) fn stop(self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread {
            thread.thread().unpark();
            // Nothing to do about a line that could not be drawn.
            let _ = thread.join();
        }
    }
}

fn show(done: &AtomicUsize, stopped: &AtomicBool) {
    thread::park_timeout(PATIENCE);
    if stopped.load(Ordering::Acquire) {
        return;
    }
    let bar =
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_elapsed(PATIENCE);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} files, {elapsed}") {
        bar.set_style(style);
    }
    while !stopped.load(Ordering::Acquire) {
        bar.set_position(u64::try_from(done.load(Ordering::Relaxed)).unwrap_or(u64::MAX));
        thread::park_timeout(INTERVAL);
    }
    bar.finish_and_clear();
}
