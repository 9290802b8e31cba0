//! The product as its operator uses it: by its subcommands, on stores of both kinds.

mod restore_with_a_loss;
