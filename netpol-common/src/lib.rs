//! What the kernel side and user space share, without `std` and without allocation.

#![cfg_attr(not(test), no_std)]

pub mod record;
