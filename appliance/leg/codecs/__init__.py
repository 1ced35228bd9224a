"""The codecs of a call: what each payload type is, how it is decoded, concealed and encoded."""
