"""`python -m argus_otel` is `argus-otel`."""

from argus_otel.cli import main

if __name__ == "__main__":
    main()
