//! What goes wrong and who does wrong.
