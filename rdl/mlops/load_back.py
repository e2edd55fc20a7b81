"""`python -m rdl.mlops.load_back FOLDER`: load a packaged model in this process, answer its example, write both as JSON."""

import json
import sys


def main(folder: str) -> None:
    """Write `{"answer": {column: […]}, "expected": {column: […]}}` of the model in `folder` to standard output."""
    from mlflow.pyfunc import load_model

    model = load_model(folder)
    request = model.metadata.load_input_example(folder)
    expected = model.metadata.metadata["example"]["answer"]
    found = model.predict(request)
    answer = {column: found[column].tolist() for column in found.columns if column in expected}
    sys.stdout.write(json.dumps({"answer": answer, "expected": expected}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
