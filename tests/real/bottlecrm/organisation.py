"""Runs inside BottleCRM: makes an organisation and its administrator, and prints a personal access token."""

import django

django.setup()

from common.models import Org, PersonalAccessToken, Profile, User  # noqa: E402
from common.tasks import set_rls_context  # noqa: E402

organisation = Org.objects.create(name="Shop")
set_rls_context(str(organisation.id))
user = User.objects.create_user(email=f"{organisation.id}@example.com", password=None)
profile = Profile.objects.create(user=user, org=organisation, role="ADMIN", is_active=True)
token, _ = PersonalAccessToken.generate(profile, "zabota")
print(token)
