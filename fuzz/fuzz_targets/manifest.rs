//! Kubernetes manifests as text: whatever is written, reading it ends and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netpol_policy::manifest;

fuzz_target!(|text: &str| {
    let _ = manifest::parse(text);
});
