"""rdl: a relational database in, predictions out.

The Python API mirrors the command::

    project = rdl.open("shop")
    task = project.task("churn")
    model = rdl.train(task)
    model.predict(["C000001"])
"""

__version__ = "0.1.0"
