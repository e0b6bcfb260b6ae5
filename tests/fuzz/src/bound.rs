//! A bound on what is allocated at a time, to the byte: libFuzzer's own sees only pages that were touched, once a second,
//! so that a reader that makes room for a length it has not checked would get away with it. What C allocates (zstd) only
//! libFuzzer sees.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static N_LIVE: AtomicUsize = AtomicUsize::new(0);
static MAX: AtomicUsize = AtomicUsize::new(usize::MAX);

struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

/// From now on an allocation that leads beyond `max` bytes ends the process, which libFuzzer takes for a crash.
pub(crate) fn set(max: usize) {
    MAX.store(max, Relaxed);
}

fn add(n_bytes: usize) {
    let n_live = N_LIVE.fetch_add(n_bytes, Relaxed).saturating_add(n_bytes);
    if n_live > MAX.load(Relaxed) {
        // The message itself allocates.
        MAX.store(usize::MAX, Relaxed);
        eprintln!("out of bound: {n_bytes} bytes more make {n_live}");
        std::process::abort();
    }
}

// SAFETY: every call goes to the system's allocator as it is; the counting touches no memory of it.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        N_LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        add(new_size.saturating_sub(layout.size()));
        N_LIVE.fetch_sub(layout.size().saturating_sub(new_size), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}
