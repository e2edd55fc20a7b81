"""`python -m rdl.mlops.load_back FOLDER`: load a packaged model in this process, answer its example, write both as JSON."""

import json
import sys


def main(folder: str) -> None:
    """Write `{"prediction": […], "expected": […]}` of the model in `folder` to standard output."""
    from mlflow.pyfunc import load_model

    model = load_model(folder)
    request = model.metadata.load_input_example(folder)
    expected = model.metadata.metadata["example"]["prediction"]
    answer = {"prediction": model.predict(request)["prediction"].tolist(), "expected": expected}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
