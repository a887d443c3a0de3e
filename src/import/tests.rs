//! What is taken, what is not, and what stays as it was.
