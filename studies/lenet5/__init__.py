"""LeNet-5 with its convolutions: Deep Compression's 39x and MESA's 135x on our digits, judged on the machine."""
