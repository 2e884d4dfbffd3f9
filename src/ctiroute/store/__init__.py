"""Where touches, customers, interactions, calls and operators are kept, behind one Protocol."""
