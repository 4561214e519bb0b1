//! What this node saw over time: in memory, with a journal on disk.

mod changes;
