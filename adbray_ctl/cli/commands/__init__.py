"""One module for each verb: parse, ask, call one service, render."""
