"""What people see: fed with results, these modules compute nothing."""
