# Everything is in ./dev; this is for fingers that type make. More words: make test ARGS="-k manifest".
ARGS ?=
.PHONY: up test setup

up test setup:
	python3 dev $@ $(ARGS)
