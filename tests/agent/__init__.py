"""The desktop agent against PDFs, against a gateway that follows the protocol, and against ones that lie."""
