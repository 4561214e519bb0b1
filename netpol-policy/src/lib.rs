//! Policy.
pub mod verdict;
