//! How many steps the analysis of one file may take.
//!
//! Ordinary code takes less than one step a byte. A file can be written so that every line undoes the
//! work of the last, and no list of such tricks is complete; the budget bounds them all. It is
//! counted, not timed, so that the same file always ends the same way.
//!
//! The count is the thread's own: one file is analysed from start to end on one thread, and the
//! values and scopes that do the work know nothing of who analyses it.

use std::cell::Cell;

/// Steps for any file, however short.
const BASE: u64 = 1 << 18;

/// Steps for each byte of a file.
const PER_BYTE: u64 = 4;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Begin a file of that many bytes.
pub(crate) fn begin(bytes: usize) {
    LEFT.set(BASE.saturating_add(PER_BYTE.saturating_mul(bytes as u64)));
}

/// Take some steps; whether there is nothing left.
pub(crate) fn spend(steps: usize) -> bool {
    let left = LEFT.get().saturating_sub(steps as u64);
    LEFT.set(left);
    left == 0
}

/// Whether nothing is left.
pub(crate) fn is_spent() -> bool {
    LEFT.get() == 0
}

/// End the file; whether there was something left.
pub(crate) fn end() -> bool {
    LEFT.replace(u64::MAX) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_take_so_many_steps() {
        begin(10);
        assert!(!spend(usize::try_from(BASE).expect("small")));
        assert!(!spend(usize::try_from(PER_BYTE * 10 - 1).expect("small")));
        assert!(spend(1));
        assert!(is_spent());
        assert!(!end());
        assert!(!is_spent(), "the next file begins anew");
        begin(0);
        assert!(end());
    }
}
