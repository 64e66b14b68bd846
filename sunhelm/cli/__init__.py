"""The command sunhelm: one file a subcommand."""
