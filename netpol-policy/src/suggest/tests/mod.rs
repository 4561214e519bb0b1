mod applied;
mod dns;
mod golden;
mod properties;
mod reasons;
pub(crate) mod world;
