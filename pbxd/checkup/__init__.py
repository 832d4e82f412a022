"""The checks of `pbxd doctor`: what is wrong with an installation, and the lines that fix it."""
