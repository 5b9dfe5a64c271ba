"""The experiment that a request means. Loads no torch."""

from __future__ import annotations

from archdsl.api import Spec, experiment_of, load
from archdsl.errors import Source
from archdsl.runs.identify import with_data
from archdsl.settings.experiment import Experiment
from archdsl.study.execute.messages import RunRequest


def spec_of(request: RunRequest) -> Spec:
    """The spec of a request's text."""
    return load(Source(f"{request.name}.arch", request.text))


def experiment_for(request: RunRequest, spec: Spec, checked: bool = True) -> Experiment:
    """The experiment on the data that the study has seen; this machine's is compared with it when it is read."""
    return with_data(experiment_of(spec, checked), request.data)
