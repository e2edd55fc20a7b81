"""The numbers: fact rows in the order of their key's time, and kernels that answer every feature of a block over them."""
