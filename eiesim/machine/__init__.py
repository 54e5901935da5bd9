"""The hardware, one file a unit (EIE Fig. 4); `clock` joins them and drives them in two phases."""
