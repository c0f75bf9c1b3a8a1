"""The subcommands that need nothing but the system's addresses."""
