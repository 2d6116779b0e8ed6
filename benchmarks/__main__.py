"""`python -m benchmarks`: how fast is a day?"""

from benchmarks.speed import main

main()
