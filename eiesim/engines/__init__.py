"""Three ways to one result: the clocked machine, its recurrences, and a SimPy model."""
