"""The five services of the 2.0b pull profile: a message in, the reply's oadrSignedObject out."""
