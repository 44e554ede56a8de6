# What a Debian package has outside of /usr. CPack runs this when the rest is laid out.
file(COPY ${CPACK_TOMADA_SETTINGS} DESTINATION ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/tomada/etc/tomada)
