"""The customer energy manager (CEM) of Cariflex: batteries and EVs follow OpenADR signals through S2.

The flow: ``storage`` reads what the VEN has promised, ``domain`` turns it into instructions, ``api`` sends
them.
"""
