"""Looking a whole installation over, for `pbxd doctor`: what is wrong, and the lines that mend it."""
