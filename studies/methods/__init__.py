"""Where the zeros come from: the methods of `eiesim train` on LeNet-300-100, judged on the machine."""
