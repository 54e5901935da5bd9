"""What people see. These modules are fed with results and compute nothing."""
