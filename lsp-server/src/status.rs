//! How things stand, for clients that show it: the notification `hermetic/status`.
//!
//! A client asks for it with `"experimental": {"hermeticStatus": true}` among its capabilities.
//! The notification's parameters are an object:
//!
//! - `state`: `"scanning"` while folders are looked at, else `"idle"`,
//! - `done`, `total`: files that were looked at and files there are, while it scans,
//! - `files`: how many files are known,
//! - `failures`: what is wrong with configuration files, each with `uri` and `message`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::convert::Uri;
use crate::owner::Owner;

/// How often it is looked how far a scan is.
const OFTEN: Duration = Duration::from_millis(200);

impl Owner {
    /// Tell the client how things stand, where that is something else than it knows.
    pub(crate) fn tell_status(&mut self) {
        if !self.features.status {
            return;
        }
        let status = self.status();
        if status != self.told {
            self.told = status.clone();
            self.client.status(status);
        }
        if self.scans.in_folder.is_empty() || self.scans.watched {
            return;
        }
        self.scans.watched = true;
        let post = self.post.clone();
        self.client.later(OFTEN, move || {
            post.send(|owner| {
                owner.scans.watched = false;
                owner.tell_status();
            });
        });
    }

    fn status(&self) -> Value {
        let snapshot = self.workspace.snapshot();
        let failure = |failure: &hermetic_check::configuration::Failure| {
            let uri = failure.file().and_then(|(file, _)| Uri::of_path(file));
            let uri = uri.map(|uri| uri.as_str().to_owned());
            json!({"uri": uri, "message": failure.message()})
        };
        let failures: Vec<Value> = snapshot.failures().iter().map(failure).collect();
        if self.scans.in_folder.is_empty() {
            let files = snapshot.files().len();
            return json!({"state": "idle", "files": files, "failures": failures});
        }
        let (mut done, mut total) = (0, 0);
        for running in self.scans.in_folder.values() {
            done += running.scan.done.load(Ordering::Relaxed);
            total += running.scan.total.load(Ordering::Relaxed);
        }
        json!({"state": "scanning", "done": done, "total": total, "failures": failures})
    }
}
