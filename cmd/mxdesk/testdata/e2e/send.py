"""Sends one mail, read from standard input, and prints the reply to it.

Arguments: host, port, source address, envelope sender, recipient.
"""
import smtplib
import sys

host, port, source, sender, recipient = sys.argv[1:]
client = smtplib.SMTP(host, int(port), local_hostname="client.example", source_address=(source, 0))
client.ehlo()
for reply in client.mail(sender), client.rcpt(recipient):
    if reply[0] != 250:
        sys.exit("refused: %r" % (reply,))
code, text = client.data(sys.stdin.buffer.read())
print(code, text.decode("ascii"))
client.quit()
