"""Asset checks that look at sources from outside of their runs: what is missing, late or odd."""
