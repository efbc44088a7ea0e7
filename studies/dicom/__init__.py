"""DICOM without Django: bytes in, plain values out."""

import logging
import warnings

import pydicom.config

# Values are checked by us. pydicom would quote bad ones, hence patient data, in warnings and logs.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\..*")
