//! Policies of every kind, from manifests to verdicts. Rule numbers are those of docs/policy-semantics.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attribution;
mod conformance;
mod generator;
mod kinds;
mod lint;
mod often_wrong;
mod oracle;
mod properties;
mod recipes;
mod refused;
mod rules;
mod rules_of_ends;
mod rules_of_tiers;
mod strict;
mod support;
mod templates;
mod truth_tables;
mod written;
