"""`haggling-v0`: a seller and a buyer haggle over the price of one item, each with a limit."""
