"""What a teacher adds where labels are few: distillation at equal density, judged on the machine."""
