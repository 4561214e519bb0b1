//! Over random policies and traffic: what is left answers all traffic as before.
