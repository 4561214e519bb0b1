mod golden;
mod properties;
mod reasons;
pub(in crate::suggest) mod world;
