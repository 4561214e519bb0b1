//! Loading and reloading.
