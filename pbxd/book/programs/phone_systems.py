"""The headings of PBXs and phones. Pure.

`exchange.phonebooks` gives the tags and attributes of phonebook XML as headings.
"""

from __future__ import annotations

from typing import Final

from pbxd.book.programs.program import FAX, Program

FREEPBX: Final = Program(
    "FreePBX Contact Manager, CSV",
    "FreePBX/contactmanager, Contactmanager.class.php; the header of its export (groupname, phone_1_type, …)",
    {
        "name": ("displayname",),
        "first_name": ("fname",),
        "last_name": ("lname",),
        "company": ("company",),
        "label": ("phone_1_type",),
        "number": ("phone_1_number",),
        "extension": ("phone_1_extension",),
        "email": ("email_1",),
        "tags": ("groupname",),
    },
    only={"position": ("title",)},
    ignored=("grouptype", "phone_1_flags", "phone_1_speeddial"),
)
YEASTAR: Final = Program(
    "Yeastar, company contacts",
    "help.yeastar.com: Contacts Parameters (P-Series), Import Parameters - Contacts (S-Series)",
    {
        "first_name": ("First Name",),
        "last_name": ("Last Name",),
        "company": ("Company Name", "Company"),
        "work": ("Business Number", "Work Number"),
        "mobile": ("Mobile",),
        FAX: ("Business Fax", "Work Fax", "Home Fax"),
        "email": ("Email",),
        "comment": ("Remark",),
    },
    only={"home": ("Home",), "number": ("Other",)},
    ignored=("ZIP Code", "Phonebook"),
)
THREE_CX: Final = Program(
    "3CX, phonebook CSV",
    "piohabi/3cx_custom_phonebook, docs/README_STANDARD.md: the header line of an export: FirstName,LastName,Company,"
    "Mobile,Mobile2,…; Home2 and HomeFax stand in the header lines that other public scripts write for it",
    {
        "first_name": ("FirstName",),
        "last_name": ("LastName",),
        "company": ("Company",),
        "mobile": ("Mobile", "Mobile2"),
        FAX: ("BusinessFax", "HomeFax"),
        "email": ("Email",),
    },
    only={
        "home": ("Home", "Home2"),
        "work": ("Business", "Business2"),
        "number": ("Other",),
        "titled_number": ("Pager",),
    },
)
MIKOPBX: Final = Program(
    "MikoPBX, phonebook module",
    "mikopbx/ModulePhoneBook, README.ru.md: the two columns of its Excel file",
    {"name": ("Имя",), "number": ("Номер телефона",)},
)
PHONEBOOK_XML: Final = Program(
    "phonebook XML of Yealink, Grandstream and phones like them",
    "fusionpbx/fusionpbx, resources/templates/provision/yealink/t49g/: Department.xml (YealinkIPPhoneDirectory, "
    "DirectoryEntry, Name, Telephone), contact.xml (root_contact, display_name, office_number); Nevexo/voip-phonebook, "
    "vendor/yealink-xml-basic/sample.xml (Menu, Unit, Phone1); Grandstream XML phonebook guide (AddressBook, Contact)",
    {},
    only={
        "name": ("Name", "display_name", "DisplayName"),
        "first_name": ("FirstName",),
        "last_name": ("LastName",),
        "company": ("Company",),
        "position": ("Job", "Title"),
        "work": ("office_number", "WorkPhoneNumber"),
        "mobile": ("mobile_number", "Mobile"),
        "number": (
            "Telephone", "phonenumber", "PhoneNumber", "Phone", "Number", "other_number", "Other",
            "Phone1", "Phone2", "Phone3",
        ),
        FAX: ("Fax",),
        "email": ("Email", "Mail"),
        "tags": ("Group",),  # a menu of Yealink, a group of Grandstream
    },
)  # fmt: skip
