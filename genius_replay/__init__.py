"""What all packages of this project stand on: files, a command line, what is printed, how commands end."""

import genius_replay_namesakes  # noqa: F401
