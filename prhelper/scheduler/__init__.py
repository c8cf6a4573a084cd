"""Where sessions run: leader and followers, bursts, the stall guard. `iothread` explains it."""
