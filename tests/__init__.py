"""Tests of eiesim."""
