"""Serves function/handler.py."""

from fwatchdog import serve
from fwatchdog.openfaas import openfaas

serve(openfaas("function.handler"))
